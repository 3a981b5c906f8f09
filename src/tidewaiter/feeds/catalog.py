"""The one list of formats that a folder of published advisories may hold."""

from tidewaiter.feeds.feed import Format
from tidewaiter.feeds.osv import Osv

FORMATS: tuple[Format, ...] = (Osv(),)
