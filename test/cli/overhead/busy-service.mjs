// A service that says its pid and hashes a little for each request: node busy-service.mjs PORT
import { createHash } from "node:crypto";
import { createServer } from "node:http";

createServer((_, response) => {
  let sum = "flamepipe";
  for (let round = 0; round < 50; round++) sum = createHash("sha256").update(sum).digest("hex");
  response.end(sum);
}).listen(Number(process.argv[2]), "127.0.0.1");
console.log(process.pid);
