"""What people read where the tables hold a code or nothing."""

LABELS = {"ninja": "NinjaRMM", "threatlocker": "ThreatLocker", "agent": "Agent"}
"""By source."""

NO_SITE = "(no site)"
"""Where a machine has no site."""
