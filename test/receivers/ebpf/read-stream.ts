import { type ListenRigOptions, stacksOf, startListening } from "./rig.js";

/** What a receiver made of one stream. */
export async function read(options: ListenRigOptions, ...pieces: (Buffer | string)[]) {
  const rig = await startListening(options);
  await rig.send(...pieces);
  await rig.receiver.shutdown();
  const batches = rig.sink.taken.map(({ profiles }) => profiles);
  return { ...rig, batches, stacks: batches.flatMap(stacksOf) };
}

export async function faultsOf({ metric }: Awaited<ReturnType<typeof read>>) {
  const name = "flamepipe_ebpf_stream_faults_total";
  return {
    invalid: await metric(name, "invalid"),
    too_long: await metric(name, "too_long"),
    incomplete: await metric(name, "incomplete"),
  };
}

export const noFaults = { invalid: 0, too_long: 0, incomplete: 0 };
