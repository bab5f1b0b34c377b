"""What happened: records and logs."""
