"""What supervisor runs: `python -m cpuwatch.slack`."""

from cpuwatch.slack.staying import main

if __name__ == "__main__":
    main()
