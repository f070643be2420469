"""Starts nx-27017, which stands in for MongoDB, with a fault mended.

Version 0.8.1 converts the binary values of documents that are inserted, and forgets to do so where a
document is replaced.
"""

import sys

from neosqlite.collection.query_helper.utils import _convert_bytes_to_binary
from nx_27017 import utils
from nx_27017.nx_27017 import main

received = utils.convert_bson_to_neo_objectids
utils.convert_bson_to_neo_objectids = lambda document: _convert_bytes_to_binary(received(document))
sys.exit(main())
