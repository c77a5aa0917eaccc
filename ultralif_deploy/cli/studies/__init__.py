"""Commands that run a program or a deployment many times."""
