"""`python -m gradcheck_cli`."""

from gradcheck_cli.cli import start

if __name__ == "__main__":
    start()
