import type { Consumer } from "../../src/component/consumer.js";
import type { Receiver, Settings } from "../../src/component/factory.js";
import type { Host } from "../../src/component/host.js";
import { type Clock, systemClock } from "../../src/delivery/clock.js";
import { createDrops } from "../../src/delivery/drops.js";
import { createStreamServer, type StreamServer } from "../../src/net/stream-server.js";
import { type Agent, chooseAgent, createBpftraceAgent, createCommandAgent } from "./agent.js";
import { BinaryIdentities } from "./binary-identities.js";
import { CodePlaces } from "./code-places.js";
import type { EbpfReceiverConfig, ListenConfig } from "./config.js";
import { createEbpfMetrics, type EbpfMetrics } from "./ebpf-metrics.js";
import { createHandOver } from "./hand-over.js";
import { createIntake, type Intake } from "./intake.js";
import { createOtelAgent } from "./otel-agent.js";
import { ownPrivileges, type Privileges } from "./privileges.js";
import { ProcessTable } from "./processes.js";
import { createParser, readStream } from "./read-stream.js";

/** What is remembered of the host. */
const maxProcesses = 8192;
const maxFiles = 4096;
const maxRegions = 200_000;

/** A receiver that says on which port it listens, once started (for port 0). */
export interface EbpfReceiver extends Receiver {
  readonly port: number;
}

/** What is around the receiver; tests bring their own. */
export interface Surroundings {
  readonly clock: Clock;
  /** Of this process. */
  readonly privileges: () => Privileges;
  /** PATH. */
  readonly path: string;
}

const realSurroundings = (): Surroundings => ({
  clock: systemClock,
  privileges: ownPrivileges,
  path: process.env.PATH ?? "",
});

export function createEbpfReceiver(
  settings: Settings,
  config: EbpfReceiverConfig,
  next: Consumer,
  surroundings: Partial<Surroundings> = {},
): EbpfReceiver {
  const { clock, privileges, path } = { ...realSurroundings(), ...surroundings };
  const { log } = settings;
  const metrics = createEbpfMetrics(settings);
  const handOver = createHandOver(next, createDrops(settings), log, clock);
  const table = new ProcessTable({ proc: config.proc, commandLine: config.command_line, maxProcesses });
  const places = new CodePlaces(config.proc, new BinaryIdentities(config.proc, maxFiles), maxRegions);
  const intake = createIntake({ settings, config, table, places, metrics, handOver, clock });
  const server = config.listen && createListener(config.listen, intake, metrics, settings);
  let agent: Agent | undefined;
  let port = 0;
  let stopped: Promise<void> | undefined;

  function createAgent(host: Host): Agent | undefined {
    const parts = { settings, config, intake, metrics, host, clock, path };
    const found = chooseAgent(config, path, privileges);
    if (!found) return config.command.length > 0 ? createCommandAgent(parts) : undefined;
    log.info("Running an agent", { agent: found.kind, program: found.program });
    return found.kind === "otel" ? createOtelAgent(parts, found, handOver, table) : createBpftraceAgent(parts, found);
  }

  async function stop(): Promise<void> {
    // First, so that no stream waits for the pipeline's next answer.
    handOver.stop();
    await Promise.all([agent?.stop(), server?.shutdown()]);
    await intake.stop();
    handOver.close();
  }

  return {
    get port() {
      return port;
    },
    async start(host) {
      agent = createAgent(host);
      if (server && config.listen) {
        port = await server.start();
        log.info("Listening for agents", { port, format: config.listen.format });
      }
      await agent?.start();
      // Our bpftrace program says by itself when an interval is over.
      if (config.listen || !config.agent) intake.start();
    },
    shutdown() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function createListener(config: ListenConfig, intake: Intake, metrics: EbpfMetrics, { log }: Settings): StreamServer {
  const { endpoint, transport, max_connections: maxConnections } = config;
  let isFull = false;
  const onTurnedAway = () => {
    metrics.connectionTurnedAway();
    if (!isFull) log.warn("Too many agents: a connection was turned away", { max: maxConnections });
    isFull = true;
  };
  return createStreamServer({ endpoint, transport, maxConnections, onTurnedAway }, async (socket, peer) => {
    log.info("An agent connected", { peer });
    await readStream(socket, createParser(config, intake), config.max_line_bytes, intake);
    isFull = false;
    log.info("An agent's stream is over", { peer });
  });
}
