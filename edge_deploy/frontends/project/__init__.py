"""A project folder as a person has it: model, fitted companions, and the script that uses them."""
