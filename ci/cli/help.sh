# What the program says of itself, and of a command.
quantgate --help
echo "exit $?"
quantgate score --help
echo "exit $?"
quantgate
echo "exit $?"
