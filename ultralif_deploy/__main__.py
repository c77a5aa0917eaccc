"""`python -m ultralif_deploy`, the same as the command `ultralif`."""

from ultralif_deploy.cli.commands import main

if __name__ == "__main__":
    main(prog_name="ultralif")
