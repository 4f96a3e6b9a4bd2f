import type { Consumer } from "../../src/component/consumer.js";
import type { Receiver, Settings } from "../../src/component/factory.js";
import { type Clock, systemClock } from "../../src/delivery/clock.js";
import { createDrops } from "../../src/delivery/drops.js";
import { createStreamServer, type StreamServer } from "../../src/net/stream-server.js";
import type { EbpfReceiverConfig, ListenConfig } from "./config.js";
import { createEbpfMetrics, type EbpfMetrics } from "./ebpf-metrics.js";
import { createHandOver } from "./hand-over.js";
import { createIntake, type Intake } from "./intake.js";
import { ProcessTable } from "./processes.js";
import { createParser, readStream } from "./read-stream.js";

const maxProcesses = 8192;

/** A receiver that says on which port it listens, once started (for port 0). */
export interface EbpfReceiver extends Receiver {
  readonly port: number;
}

export function createEbpfReceiver(
  settings: Settings,
  config: EbpfReceiverConfig,
  next: Consumer,
  clock: Clock = systemClock,
): EbpfReceiver {
  const { log } = settings;
  const metrics = createEbpfMetrics(settings);
  const handOver = createHandOver(next, createDrops(settings), log, clock);
  const table = new ProcessTable({ proc: config.proc, commandLine: config.command_line, maxProcesses });
  const intake = createIntake({ settings, config, table, metrics, handOver, clock });
  const server = config.listen && createListener(config.listen, intake, metrics, settings);
  let port = 0;
  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    // First, so that no stream waits for the pipeline's next answer.
    handOver.stop();
    await server?.shutdown();
    await intake.stop();
    handOver.close();
  }

  return {
    get port() {
      return port;
    },
    async start() {
      if (server && config.listen) {
        port = await server.start();
        log.info("Listening for agents", { port, format: config.listen.format });
      }
      intake.start();
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
