#!/usr/bin/env python3
"""vmlinux.py IMAGE OUT: the ELF file within a bzImage, which a machine boots
without unpacking it first. The header is that of Documentation/x86/boot.rst."""
import bz2
import gzip
import lzma
import struct
import subprocess
import sys


def unpack(payload):
    if payload.startswith(b'\xfd7zXZ\0'):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b'\x1f\x8b'):
        return gzip.zlib.decompressobj(31).decompress(payload)
    if payload.startswith(b'BZh'):
        return bz2.BZ2Decompressor().decompress(payload)
    if payload.startswith(b'\x28\xb5\x2f\xfd'):
        # Four bytes of its length follow the frame.
        return subprocess.run(['zstd', '-dqc'], input=payload[:-4], check=True,
                              stdout=subprocess.PIPE).stdout
    sys.exit(f'vmlinux: the payload begins with {payload[:6]!r}: neither xz, '
             'gzip, bzip2 nor zstd')


def main(image, out):
    with open(image, 'rb') as file:
        data = file.read()
    if data[0x202:0x206] != b'HdrS' and data[0x1fe:0x200] != b'\x55\xaa':
        sys.exit(f'vmlinux: {image} is no bzImage')
    sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from('<II', data, 0x248)
    begin = (sectors + 1) * 512 + offset
    elf = unpack(data[begin:begin + length])
    if not elf.startswith(b'\x7fELF'):
        sys.exit(f'vmlinux: what is packed in {image} is no ELF file')
    with open(out, 'wb') as file:
        file.write(elf)


main(*sys.argv[1:3])
