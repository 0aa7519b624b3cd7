"""The pure heart of the platform: plan, phases, time line, recovery point, verdict, report model. No I/O, no clock."""
