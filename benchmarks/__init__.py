"""What the simulator is measured against."""
