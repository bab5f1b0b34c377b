"""The operator's file and the environment, made into one frozen Config."""
