"""`python -m bayesma`: the command line."""

from bayesma.cli import main

main()
