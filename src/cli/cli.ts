import { availableParallelism } from "node:os";
import { Command, CommanderError, Option } from "commander";
import { CliError, type CliIo } from "./io.js";
import {
  collect,
  parseBool,
  parseCount,
  parseDuration,
  parseHttpUrl,
  parseNumber,
  parsePositive,
  parsePositiveCount,
} from "./option-values.js";
import type { ConfigOptions, OverheadOptions, RunOptions } from "./options.js";

/** Runs one command and resolves with the exit code: 0, or 1 with the reason on stderr. Never rejects. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let code = 0;
  const program = createProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(argv as string[], { from: "user" });
    return code;
  } catch (caught) {
    if (caught instanceof CommanderError) return caught.exitCode === 0 ? 0 : Math.min(caught.exitCode, 2);
    if (caught instanceof CliError) io.stderr.write(`Error: ${caught.message}\n`);
    else io.stderr.write(`Error: ${caught instanceof Error ? (caught.stack ?? caught.message) : String(caught)}\n`);
    return 1;
  }
}

const exitCodes = `
Exit codes:
  0  done; a running collector was told to stop (SIGTERM, SIGINT) and everything it had taken has left
  1  bad command line or configuration, failed start, fault, data refused (send), or a drain cut short by a second
     signal or the end of --grace-period: the log then says how many samples are lost
`;

function createProgram(io: CliIo, exit: (code: number) => void): Command {
  const program = new Command("flamepipe")
    .description("An OpenTelemetry-Collector-style pipeline for continuous-profiling data.")
    .version(`flamepipe version ${io.version}`, "-v, --version")
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .showHelpAfterError("(--help lists commands and options)")
    .enablePositionalOptions()
    .addHelpText("after", exitCodes);

  withConfigOptions(program)
    .option("--grace-period <duration>", "how long queues may take to drain at shutdown", parseDuration, 25_000)
    .action(async (options: RunOptions) => {
      const { run } = await import("./run.js");
      exit(await run(options, io));
    });
  addConfigCommands(program, io);
  addCatalogueCommands(program, io);
  addSendCommand(program, io, exit);
  addTryCommand(program, io, exit);
  addAuditCommand(program, io, exit);
  addOverheadCommand(program, io, exit);
  return program;
}

function withConfigOptions(command: Command): Command {
  return command
    .option(
      "--config <uri>",
      "configuration file, or env:, yaml:, http(s): source; repeatable, later ones win",
      collect,
      [],
    )
    .option(
      "--set <key=value>",
      "override one value, such as --set exporters.debug.verbosity=detailed; repeatable",
      collect,
      [],
    )
    .option("--feature-gates <list>", "comma-separated gates: name or +name on, -name off; repeatable", collect, []);
}

function addConfigCommands(program: Command, io: CliIo): void {
  withConfigOptions(program.command("validate"))
    .description("check the configuration and build its pipelines without starting them")
    .action(async (options: ConfigOptions, command: Command) => {
      const { validate } = await import("./validate.js");
      await validate(merged(options, command), io);
    });
  withConfigOptions(program.command("print-config").alias("print-initial-config"))
    .description("print the configuration after merging and expansion, secrets redacted")
    .addOption(new Option("--mode <mode>", "what to show").choices(["redacted", "unredacted"]).default("redacted"))
    .addOption(new Option("--format <format>", "output format").choices(["yaml", "json"]).default("yaml"))
    .option("--validate <bool>", "check the configuration first", parseBool, true)
    .action(async (options, command: Command) => {
      const { printConfiguration } = await import("./print-configuration.js");
      await printConfiguration({ ...options, ...merged(options, command) }, io);
    });
}

function addCatalogueCommands(program: Command, io: CliIo): void {
  program
    .command("components")
    .description("list the components of this build, with their stability")
    .action(async () => {
      const { components } = await import("./components.js");
      io.stdout.write(components(await io.loadFactories(), io.version));
    });
  program
    .command("featuregate [id]")
    .description("list the feature gates, or show one")
    .action(async (id: string | undefined) => {
      const { describeGates } = await import("./describe-gates.js");
      io.stdout.write(describeGates(id));
    });
}

function addSendCommand(program: Command, io: CliIo, exit: (code: number) => void): void {
  program
    .command("send <files...>")
    .description("send recorded requests (ExportProfilesServiceRequest, protobuf) to an OTLP endpoint")
    .option(
      "--endpoint <url>",
      "host:port or grpc(s)://host:port for gRPC, http(s)://host:port for HTTP",
      "localhost:4317",
    )
    .addOption(new Option("--protocol <name>", "instead of going by the endpoint's scheme").choices(["grpc", "http"]))
    .option("--header <name=value>", "header (metadata) of every request; repeatable", collect, [])
    .option("--rate <n>", "requests a second; 0 = as fast as they are taken", parseNumber, 0)
    .option("--repeat <n>", "how often to send the files; 0 = until interrupted", parseCount, 1)
    .option("--concurrency <n>", "requests under way at the same time", parseCount, 4)
    .option("--gzip", "compress the requests", false)
    .option("--insecure-skip-verify", "accept any certificate", false)
    .option("--timeout <duration>", "limit of one request", parseDuration, 10_000)
    .addOption(new Option("--shift-time <when>", "move all times so that the newest profile ends now").choices(["now"]))
    .action(async (files: string[], options) => {
      const { send } = await import("./send.js");
      exit(await send(files, options, io));
    });
}

function addTryCommand(program: Command, io: CliIo, exit: (code: number) => void): void {
  const tryOut = program.command("try").description("show what rules do to data, without a pipeline");
  tryOut
    .command("relabel")
    .description('relabel rules: with --rules, each step; otherwise answers lines of {"rules": [...], "input": {...}}')
    .option("--rules <file>", "YAML file with a list of rules, or with the list under `rules`")
    .option("--labels <k=v...>", "labels to start from")
    .action(async (options: { rules?: string; labels?: string[] }) => {
      const { runTryRelabel } = await import("./try-relabel.js");
      exit(await runTryRelabel(options, io.stdin, io.stdout, io.stderr));
    });
  tryOut
    .command("attributes")
    .description(
      'attribute actions: with --actions, each step; otherwise answers lines of {"actions": [...], "input": [...]}',
    )
    .option("--actions <file>", "YAML file with a list of actions, or with the list under `actions`")
    .option("--input <file>", "JSON file with a list of KeyValue")
    .action(async (options: { actions?: string; input?: string }) => {
      const { runTryAttributes } = await import("./try-attributes.js");
      exit(await runTryAttributes(options, io.stdin, io.stdout, io.stderr));
    });
}

const auditHelp = `
What it says of each binary:
  names           what a profiler, or the processor symbolize, can name
  symbols         functions in .symtab (what stripping removes) and in .dynsym
  Go              the release, and the line table that stripping leaves
  build id        what separate debug files and uploads are matched by
  debug file      with the symbols that were stripped, if there is one
  frame pointers  what bpftrace and perf need to unwind: judged by the first instructions of up to 1,000 functions; "yes"
                  from 90 % of those that use the stack, "no" up to 10 % (x86-64 and arm64)

Exit codes:
  0  every function of every binary can be named
  1  some can't, or (--require-frame-pointers) a binary doesn't keep frame pointers
  2  bad command line, or a binary can't be read
`;

function addAuditCommand(program: Command, io: CliIo, exit: (code: number) => void): void {
  program
    .command("audit [binaries...]")
    .description(
      "tell before deployment what a profiler will be able to name in binaries, and whether it can unwind them",
    )
    .option("--host", "the programs of all running processes, and their libraries of 1 MiB and more", false)
    .option("--json", "one JSON object a line and binary", false)
    .option("--debug-dir <dir>", "where separate debug files are; repeatable", collect, [])
    .option("--require-frame-pointers", "fail where frame pointers are not kept", false)
    .addHelpText("after", auditHelp)
    .exitOverride(usageIsTwo)
    .action(async (binaries: string[], options) => {
      const { audit } = await import("./audit.js");
      const debugDir = options.debugDir.length > 0 ? options.debugDir : ["/usr/lib/debug"];
      exit(await audit(binaries, { ...options, debugDir }, io));
    });
}

const overheadHelp = `
Rounds with the agent and without alternate. In each, a fixed number of connections asks the service for one request after
the other; with the agent on, the collector runs beside it with the configuration given. Without --url the service is our
own, bench/busy-service, which is built with Go. To run an agent on eBPF the command has to be started as root.

The collector is started anew for each round. In its first intervals it reads the binaries of all that runs and is compiled
itself: --warm-up-seconds 60 shows what it costs later. A round should last for several intervals of the agent (5 s).

Examples:
  sudo env "PATH=$PATH" bin/flamepipe overhead
  sudo bin/flamepipe overhead --rate 99 --service './shop --port 8080' --url http://localhost:8080/orders

Exit codes:
  0  measured
  1  could not be measured, or was interrupted: the rounds until then are printed
  2  bad command line
`;

function addOverheadCommand(program: Command, io: CliIo, exit: (code: number) => void): void {
  withConfigOptions(program.command("overhead"))
    .description(
      "measure what profiling costs: a busy service with the collector and its agent on and off, in turn (default --config config/ebpf-host.yaml)",
    )
    .option("--rounds <n>", "rounds with the agent, and as many without", parsePositiveCount, 10)
    .option("--seconds <n>", "length of one round", parsePositive, 10)
    .option("--warm-up-seconds <n>", "load before each round that isn't measured", parseNumber, 10)
    .option("--rate <hz>", "samples a second and CPU, in place of the configuration's", parsePositiveCount)
    .option("--connections <n>", "requests under way at the same time", parsePositiveCount, 2 * availableParallelism())
    .option("--service <command>", "command line that starts a service of yours; it is ended with SIGTERM")
    .option("--url <url>", "what to ask for: of that service, or of one that runs already", parseHttpUrl)
    .option("--json", "everything that was measured, as one JSON object", false)
    .addHelpText("after", overheadHelp)
    .exitOverride(usageIsTwo)
    .action(async (options: OverheadOptions, command: Command) => {
      if (options.service !== undefined && !options.url)
        command.error("error: --service needs --url: what to ask it for");
      const { overhead } = await import("./overhead/overhead.js");
      exit(await overhead({ ...options, ...merged(options, command) }, io));
    });
}

/** For commands whose exit code 1 says something else. */
function usageIsTwo(error: CommanderError): never {
  throw new CommanderError(error.exitCode === 0 ? 0 : 2, error.code, error.message);
}

/** Options given before the command's name count too: `flamepipe --config x validate`. */
function merged(options: ConfigOptions, command: Command): ConfigOptions {
  const outer = command.parent?.opts<ConfigOptions>();
  return {
    config: [...(outer?.config ?? []), ...options.config],
    set: [...(outer?.set ?? []), ...options.set],
    featureGates: [...(outer?.featureGates ?? []), ...options.featureGates],
  };
}
