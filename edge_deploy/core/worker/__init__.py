"""What must run TensorFlow or unpickle runs in a child process, in a cage.

cage        what the child may read and write; how it shuts itself in
landlock    files and signals, by the kernel's Landlock
seccomp     no sockets, no other programs, by a filter of system calls
limits      memory, processor time, file size, no core
process     the child: started, waited for, its end put into words
channel     arrays between the child and its parent, which has the browser
"""
