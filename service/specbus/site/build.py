"""The references as a static site, for teams that publish their contract."""

import json
from pathlib import Path

from specbus.site.assets import assets, version
from specbus.site.pages import PAGES, render
from specbus.spec.bundle import bundle


def build(specs: Path, out: Path) -> list[Path]:
    """Write the site of the documents in `specs` to the folder `out`, and say which files.

    Links are relative: it works from any file server, below any path. Raises ContractError, OSError.
    """
    contents: dict[str, bytes] = {
        f"{name}.json": json.dumps(bundle(specs / f"{name}.yaml"), indent=1, ensure_ascii=False).encode() + b"\n"
        for name in ("openapi", "asyncapi")
    }
    for page in PAGES:
        if page.static:
            contents[f"{page.path}/index.html".lstrip("/")] = render(page, static=True).encode()
    for name, asset in assets().items():
        if name.startswith("console"):
            continue  # which is nothing without a service
        contents[f"assets/{version()}/{name}"] = asset.content
    files = []
    for name, content in contents.items():
        file = out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        files.append(file)
    return files
