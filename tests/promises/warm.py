"""What every process of the product makes before it begins: its forks find it made, and out of the collector's way."""

import gc

from schema import roots

roots.executable()
gc.collect()
gc.freeze()
