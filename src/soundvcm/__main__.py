"""`python -m soundvcm`: the command, where its script is not on the path. Knows the command line only."""

from soundvcm.cli.main import main

if __name__ == "__main__":
    main()
