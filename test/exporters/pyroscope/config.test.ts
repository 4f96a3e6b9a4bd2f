import assert from "node:assert/strict";
import { test } from "node:test";
import { pyroscopeSchema } from "../../../exporters/pyroscope/config.js";

const endpoint = "http://localhost:4040";

function fault(config: Record<string, unknown>): string {
  const { error } = pyroscopeSchema.safeParse(config);
  return error ? error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ") : "";
}

test("defaults", () => {
  const config = pyroscopeSchema.parse({ endpoint });
  assert.equal(config.timeout, 10_000);
  assert.equal(config.max_concurrency, 16);
  assert.equal(config.drop_older_than, 0);
  assert.deepEqual(config.sample_labels, []);
  assert.equal(config.unnamed_frames, "name");
  assert.equal(config.compression, "gzip");
  assert.equal(config.compression_params.level, 1);
  assert.equal(config.tenant, undefined);
  assert.equal(config.sending_queue.enabled, true);
  assert.equal(config.retry_on_failure.enabled, true);
});

test("what cannot work is refused, and the message says what would be right", () => {
  assert.match(
    fault({}),
    /^endpoint: endpoint must be specified: the base URL of Pyroscope, such as http:\/\/localhost:4040$/,
  );
  assert.match(fault({ endpoint: "localhost:4040" }), /^endpoint: endpoint must be a URL with http:\/\/ or https:\/\//);
  assert.match(fault({ endpoint: "ftp://host" }), /^endpoint: endpoint must be a URL/);
  assert.match(fault({ endpoint: `${endpoint}/?a=b` }), /query/);
  assert.equal(fault({ endpoint: `${endpoint}/below/a/path/` }), "");
  assert.match(fault({ endpoint, tenant: {} }), /^tenant: `tenant` needs `value` or `from_metadata`$/);
  assert.match(
    fault({ endpoint, basic_auth: { username: "a", password: "b" }, bearer_token: "c" }),
    /^bearer_token: `basic_auth` and `bearer_token` exclude each other$/,
  );
  assert.match(fault({ endpoint, max_concurrency: 0 }), /^max_concurrency: /);
  assert.match(
    fault({ endpoint, drop_older_than: "-1s" }),
    /^drop_older_than: 'drop_older_than' must be non-negative$/,
  );
  assert.match(fault({ endpoint, compression: "zstd" }), /^compression: /);
  assert.match(fault({ endpoint, no_such_key: 1 }), /no_such_key/);
});
