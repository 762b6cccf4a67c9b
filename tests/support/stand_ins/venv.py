"""A stand-in for ``python3 -m venv FOLDER`` and its pip on a machine without a package registry.

The environment's libraries are those of the checkout that is tested; ``pip install .`` puts the folder it is called in
on the path and writes the command ``shouwang``.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

PIP = """\
#!/bin/sh
pwd > "{site}/a-installed.pth"
printf '#!%s\\nfrom shouwang.cli.main import main\\nmain()\\n' "{folder}/bin/python" > "{folder}/bin/shouwang"
chmod 755 "{folder}/bin/shouwang"
"""


def main(folder: Path, libraries: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "b-libraries.pth").write_text(libraries + "\n")
    pip = folder / "bin" / "pip"
    pip.write_text(PIP.format(site=site, folder=folder))
    pip.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2])
