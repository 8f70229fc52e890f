"""All that the server sent in a run, held against the document."""

from specbus.verify.checks import LAST, check
from specbus.verify.failures import Broken, raise_all
from specbus.verify.target import Target


# Any check may have received it.
@check("websocket", "asyncapi.yaml", order=LAST, also_in=("behaviour",))
def every_frame_from_the_server_keeps_its_schema(target: Target) -> None:
    target.cases = target.frames_received
    raise_all(
        [
            Broken(f"{problem} ({text[:300]})", rule=rule, steps=[])
            for rule, (problem, text) in target.violations.items()
        ]
    )
