import { printConfig } from "../config/print.js";
import { readConfiguration, requireConfig } from "./configuration.js";
import { CliError, type CliIo } from "./io.js";
import type { PrintConfigOptions } from "./options.js";

/** Prints the configuration as merged and expanded. Throws CliError for an invalid one, unless told not to check. */
export async function printConfiguration(options: PrintConfigOptions, io: CliIo): Promise<void> {
  const loaded = await readConfiguration(options, io);
  for (const line of loaded.warningLines) io.stderr.write(`${line}\n`);
  if (options.validate || !loaded.document) requireConfig(loaded);
  if (!loaded.document) throw new CliError("there is no configuration to print");
  io.stdout.write(
    printConfig(loaded.document, await io.loadFactories(), { mode: options.mode, format: options.format }),
  );
}
