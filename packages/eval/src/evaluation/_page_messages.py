"""The messages that the live view accepts from a page.

viser accepts more: messages that publish the page on the internet or upload a file, any attribute of a control, and NaN
as a position.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from websockets.asyncio.server import ServerConnection

_Number = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]  # finite, in float32 too
_Name = Annotated[str, msgspec.Meta(max_length=256)]
_Vector: TypeAlias = tuple[_Number, _Number, _Number]
_Rotation: TypeAlias = tuple[_Number, _Number, _Number, _Number]


class Connection(ServerConnection):
    """A connection that drops all messages but those of this module."""

    async def recv(self, decode: bool | None = None) -> Any:
        """The next message that is accepted."""
        while True:
            message = await super().recv(decode)
            if is_accepted(message):
                return message


def is_accepted(message: str | bytes) -> bool:
    """Whether a message has one of the types below, with all fields of the right types and every number finite."""
    if isinstance(message, str):
        return False
    try:
        _ACCEPTED.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


class _Message(msgspec.Struct, tag_field="type", tag=lambda name: f"{name}Message", forbid_unknown_fields=True):
    """A message whose type is the name of its class and "Message"."""


class ViewerCamera(_Message):
    """Where somebody looks from."""

    wxyz: _Rotation
    position: _Vector
    fov: _Number
    near: _Number
    far: _Number
    image_height: _Number
    image_width: _Number
    look_at: _Vector
    up_direction: _Vector


class GuiUpdate(_Message):
    """A control was used."""

    uuid: _Name
    updates: dict[Literal["value"], bool | _Number | _Name]


class TransformControlsDragStart(_Message):
    """A handle was taken hold of."""

    name: _Name
    owner: _Name = ""


class TransformControlsUpdate(_Message):
    """A handle was moved."""

    name: _Name
    wxyz: _Rotation
    position: _Vector
    owner: _Name = ""


class TransformControlsDragEnd(_Message):
    """A handle was let go."""

    name: _Name
    owner: _Name = ""


_ACCEPTED = msgspec.msgpack.Decoder(
    ViewerCamera | GuiUpdate | TransformControlsDragStart | TransformControlsUpdate | TransformControlsDragEnd
)
