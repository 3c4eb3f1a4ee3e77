"""The command `cpuwatch`, as its start in `bin/` calls it."""

from cpuwatch.cli import main

if __name__ == "__main__":
    main()
