"""The drill platform: plans, runs, judges and reports disaster-recovery drills of an exchange."""
