"""What the tool is compared with: each a program that says on stdout how long its work took."""
