import sys

from portal.command.line import main

if __name__ == "__main__":
    sys.exit(main())
