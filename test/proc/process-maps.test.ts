import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mapFileName, parseCodeRegions, regionAt, remoteDevices } from "../../src/proc/process-maps.js";

const maps = `56379c362000-56379c364000 r--p 00000000 fe:00 247026                     /usr/bin/cat
56379c364000-56379c369000 r-xp 00002000 fe:00 247026                     /usr/bin/cat
7f0000000000-7f0000001000 r-xp 00001000 08:11 12                         /opt/a b/lib.so (deleted)
7f0000002000-7f0000003000 rwxp 00000000 00:00 0 
7ffd1c9f2000-7ffd1c9f4000 r-xp 00000000 00:00 0                          [vdso]
nonsense
`;

describe("the text of /proc/PID/maps", () => {
  const regions = parseCodeRegions(maps, 100);

  it("is read for the regions that hold code", () => {
    assert.deepEqual(
      regions.map(({ start, fileOffset, device, inode, path, isDeleted }) => {
        return [start, fileOffset, device, inode, path, isDeleted];
      }),
      [
        [0x56379c364000n, 0x2000n, "254:0", "247026", "/usr/bin/cat", false],
        [0x7f0000000000n, 0x1000n, "8:17", "12", "/opt/a b/lib.so", true],
        [0x7f0000002000n, 0n, "0:0", "0", "", false],
        [0x7ffd1c9f2000n, 0n, "0:0", "0", "[vdso]", false],
      ],
    );
    assert.equal(parseCodeRegions(maps, 2).length, 2);
  });

  it("is left alone where it was cut", () => {
    const [first] = parseCodeRegions(maps.slice(0, maps.indexOf("cat\n7f") + 2), 100);
    assert.equal(first, undefined);
  });

  it("has the names of map_files, which are without zeros in front", () => {
    const [program] = parseCodeRegions("00400000-00a01000 r-xp 00000000 fe:00 5    /srv/shop\n", 100);
    assert.equal(mapFileName(program), "400000-a01000");
  });

  it("has a region for an address, from its start up to its end", () => {
    const paths = [
      0x56379c363fffn,
      0x56379c364000n,
      0x56379c368fffn,
      0x56379c369000n,
      0x7f0000000800n,
      0n,
      2n ** 64n - 1n,
    ];
    assert.deepEqual(
      paths.map((address) => regionAt(regions, address)?.path),
      [undefined, "/usr/bin/cat", "/usr/bin/cat", undefined, "/opt/a b/lib.so", undefined, undefined],
    );
  });
});

it("devices of file systems that may not answer are found in /proc/PID/mountinfo", () => {
  const mounts = `22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 0:50 / /mnt/far rw shared:1 - nfs4 server:/x rw
31 27 0:51 / /mnt/own rw - fuse.sshfs me@there:/ rw
32 27 254:0 / / rw master:1 - ext4 /dev/vda rw
`;
  assert.deepEqual([...remoteDevices(mounts)], ["0:50", "0:51"]);
});
