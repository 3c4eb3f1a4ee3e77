"""What supervisor runs: `python -m cpuwatch.slack`."""

from cpuwatch.slack.service import main

if __name__ == "__main__":
    main()
