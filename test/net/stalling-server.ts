import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** One HTTP/2 frame. */
export function h2Frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field as HPACK writes one that is in no table; name and value are short. */
export const h2Field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);

/** What a client may send of a request before the server allows more. */
const firstWindowBytes = 65_535;
const wholeWindow = Buffer.from([0x7f, 0, 0, 0]);
const roomForAll = Buffer.concat([h2Frame(8, 0, 0, wholeWindow), h2Frame(8, 0, 1, wholeWindow)]);

/**
 * A server for one gRPC call a connection, of more than 64 KiB: when these have come it allows the rest, sends `answer`,
 * which is frames of stream 1, and reads no more. What the client then writes stays in its socket.
 */
export async function startStalling(answer: Buffer = Buffer.alloc(0)): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.write(h2Frame(4, 0, 0));
    let seenBytes = 0;
    socket.on("data", (chunk: Buffer) => {
      seenBytes += chunk.length;
      if (seenBytes < firstWindowBytes || socket.isPaused()) return;
      socket.pause();
      socket.write(Buffer.concat([roomForAll, answer]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
