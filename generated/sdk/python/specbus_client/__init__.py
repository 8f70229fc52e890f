"""A client of Specbus WebSocket API."""
# Written by `specbus sdk python`. Do not edit.

from . import models as models
from .client import Client as Client
from .runtime.encoding import RawJson as RawJson
from .runtime.errors import AlreadySubscribed as AlreadySubscribed
from .runtime.errors import ClientClosed as ClientClosed
from .runtime.errors import ClientError as ClientError
from .runtime.errors import ConnectError as ConnectError
from .runtime.errors import InvalidReply as InvalidReply
from .runtime.errors import ProblemError as ProblemError
from .runtime.errors import ReplyError as ReplyError
from .runtime.errors import ReplyTimeout as ReplyTimeout
from .runtime.errors import SubscriptionEnded as SubscriptionEnded
from .runtime.errors import UnknownOutcome as UnknownOutcome
from .runtime.notices import Dropped as Dropped
from .runtime.notices import Notice as Notice
from .runtime.notices import Refused as Refused
from .runtime.notices import Resubscribed as Resubscribed
from .runtime.notices import ResubscribeRefused as ResubscribeRefused
from .runtime.notices import State as State
from .runtime.notices import StateChanged as StateChanged
from .runtime.subscription import Subscription as Subscription
from .runtime.sync import SyncSubscription as SyncSubscription
from .sync import SyncClient as SyncClient
