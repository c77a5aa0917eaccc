"""What commands write that run a program or a deployment many times."""
