"""The studio: a page and an HTTP service around one pipeline.

The front door; FastAPI (extra [serve]) loads with the first name used. Knows `job` and media, prints nothing.
"""

from typing import TYPE_CHECKING

from soundvcm.ground.lazy import front_door

if TYPE_CHECKING:
    from soundvcm.web.inspecting import Inspector as Inspector
    from soundvcm.web.limits import MIB as MIB
    from soundvcm.web.limits import Limits as Limits
    from soundvcm.web.limits import check_address as check_address
    from soundvcm.web.server import create_app as create_app
    from soundvcm.web.server import listen as listen
    from soundvcm.web.studio import Studio as Studio
    from soundvcm.web.temporary import temporary_folder as temporary_folder

__getattr__, __dir__ = front_door(__name__, __file__)
