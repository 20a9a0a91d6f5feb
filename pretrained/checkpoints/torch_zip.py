"""Where do the records of a torch zip archive lie?

torch (1.6 and later) writes `<root>/data.pkl` and one `<root>/data/<key>` for each storage, stored, not compressed.
"""

from pretrained.checkpoints.mapped import MappedFile, Record
from pretrained.hub.zip_table import DEFLATED, read_table


def read_records(file: MappedFile) -> dict[str, Record]:
    """Name → record of every entry of an archive that plays no tricks."""
    return {
        name: Record(name, entry.offset, entry.stored, entry.size, entry.method == DEFLATED, entry.crc)
        for name, entry in read_table(file).entries.items()
    }
