"""What does `python -m pretrained` do? The same as `pretrained`."""

from pretrained.cli import main

if __name__ == "__main__":
    main()
