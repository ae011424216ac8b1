"""What must run TensorFlow or unpickle runs in a child process, in a cage.

cage        what the child may read and write; how it shuts itself in
landlock    files and signals, by the kernel's Landlock
seccomp     no sockets, no other programs, by a filter of system calls
limits      memory, processor time, file size, no core
process     the child: started, waited for, its end put into words
hosts       what answers the child in its parent, and puts what it makes in place
apart       work of the library that a program has done in such a child
native      the door to native libraries, which is shut outside of the cage
channel     arrays between the child and its parent, which has the browser
"""
