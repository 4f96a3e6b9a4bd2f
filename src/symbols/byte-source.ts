import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { InvalidBinaryError } from "./invalid-binary.js";

/** Bytes of a binary, read piece by piece: a file of a gigabyte is never in memory as a whole. */
export interface ByteSource {
  readonly size: number;
  /** [offset, offset + length); throws InvalidBinaryError unless all of it is inside, and within `maxReadBytes`. */
  read(offset: number, length: number): Buffer;
  /** As `read`, to the beginning of `target`. */
  readInto(target: Buffer, offset: number, length: number): void;
  close(): void;
}

/** Largest single piece that a source gives away where its maker names no other limit. */
const defaultMaxReadBytes = 256 * 1024 * 1024;

function checkRange(offset: number, length: number, size: number, maxReadBytes: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new InvalidBinaryError("an offset or a size that is no number of bytes");
  }
  if (length > size || offset > size - length) throw new InvalidBinaryError("a table past the end of the file");
  if (length > maxReadBytes) throw new InvalidBinaryError("a table larger than may be read");
}

export function bufferSource(bytes: Buffer, maxReadBytes = defaultMaxReadBytes): ByteSource {
  return {
    size: bytes.length,
    read(offset, length) {
      checkRange(offset, length, bytes.length, maxReadBytes);
      return bytes.subarray(offset, offset + length);
    },
    readInto(target, offset, length) {
      checkRange(offset, length, bytes.length, Math.min(maxReadBytes, target.length));
      bytes.copy(target, 0, offset, offset + length);
    },
    close() {},
  };
}

export interface FileSource extends ByteSource {
  /** Device, inode, size and time of change: the same text means the same content. */
  readonly identity: string;
  readonly inode: string;
}

/** Opens a regular file; anything else (a device, a pipe, a folder) is refused without being read. */
export function openFileSource(path: string, maxReadBytes = defaultMaxReadBytes): FileSource {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  let open = true;
  const close = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) {
    close();
    throw new InvalidBinaryError("not a regular file");
  }
  const size = Number(stat.size);
  return {
    size,
    identity: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`,
    inode: String(stat.ino),
    read(offset, length) {
      checkRange(offset, length, size, maxReadBytes);
      const out = Buffer.allocUnsafeSlow(length);
      fill(fd, out, offset, length);
      return out;
    },
    readInto(target, offset, length) {
      checkRange(offset, length, size, Math.min(maxReadBytes, target.length));
      fill(fd, target, offset, length);
    },
    close,
  };
}

function fill(fd: number, target: Buffer, offset: number, length: number): void {
  let filled = 0;
  while (filled < length) {
    const got = readSync(fd, target, filled, length - filled, offset + filled);
    if (got === 0) throw new InvalidBinaryError("the file became shorter while it was read");
    filled += got;
  }
}
