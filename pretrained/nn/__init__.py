"""Which small parts do all networks share? Functions and leaf modules only; architectures live in `models`."""
