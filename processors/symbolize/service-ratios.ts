import type { Clock } from "../../src/delivery/clock.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { LOCATION, STACK } from "../../src/pdata/tables.js";
import type { Metrics } from "../../src/telemetry/metrics.js";
import { needsName } from "./unnamed.js";

const maxServices = 100;
const otherServices = "other services";
const periodMs = 60_000;

interface Counts {
  frames: number;
  unnamed: number;
}

/** Frames of this minute and of the one before. */
interface Service {
  periodStartMs: number;
  now: Counts;
  before: Counts;
}

export interface ServiceRatios {
  /** Counts the frames of all samples, once per sample. */
  observe(profiles: Profiles): void;
  close(): void;
}

/** How much of each service's frames have no name, over the last one to two minutes. */
export function createServiceRatios(metrics: Metrics, component: string, clock: Clock): ServiceRatios {
  const services = new Map<string, Service>();
  const removals: (() => void)[] = [];

  function serviceNamed(name: string): Service {
    const label = services.has(name) || services.size < maxServices ? name : otherServices;
    let service = services.get(label);
    if (!service) {
      const created = { periodStartMs: clock.now(), now: newCounts(), before: newCounts() };
      service = created;
      services.set(label, created);
      const read = () => {
        turn(created, clock.now());
        const frames = created.now.frames + created.before.frames;
        return frames === 0 ? 0 : (created.now.unnamed + created.before.unnamed) / frames;
      };
      removals.push(
        metrics.observedGauge(
          "flamepipe_unsymbolized_frames_ratio",
          "Part of the frames that left without a function's name, over the last one to two minutes.",
          { component, service: label },
          read,
        ),
      );
    }
    turn(service, clock.now());
    return service;
  }

  return {
    observe(profiles) {
      const frames = framesByStack(profiles);
      for (const resource of profiles.resources) {
        const service = serviceNamed(serviceNameOf(resource.attributes));
        for (const scope of resource.scopes) {
          for (const profile of scope.profiles) {
            for (const stack of profile.stacks()) {
              const { all, unnamed } = frames(stack);
              service.now.frames += all;
              service.now.unnamed += unnamed;
            }
          }
        }
      }
    },
    close() {
      for (const remove of removals.splice(0)) remove();
      services.clear();
    },
  };
}

type Attributes = Profiles["resources"][number]["attributes"];

/** service.name, else the program's name. */
function serviceNameOf(attributes: Attributes): string {
  let program = "";
  for (const { key, value } of attributes) {
    if (value.type !== "string") continue;
    if (key === "service.name" && value.value !== "") return value.value.slice(0, 128);
    if (key === "process.executable.name") program = value.value.slice(0, 128);
  }
  return program || "unknown_service";
}

function newCounts(): Counts {
  return { frames: 0, unnamed: 0 };
}

function turn(service: Service, nowMs: number): void {
  const passed = nowMs - service.periodStartMs;
  if (passed < periodMs) return;
  service.before = passed < 2 * periodMs ? service.now : newCounts();
  service.now = newCounts();
  service.periodStartMs = nowMs;
}

/** Frames of a stack, counted when it is first asked for. */
function framesByStack({ dictionary }: Profiles): (stack: number) => { all: number; unnamed: number } {
  const isUnnamed = new Int8Array(dictionary.count(LOCATION)).fill(-1);
  const all = new Int32Array(dictionary.count(STACK)).fill(-1);
  const unnamed = new Int32Array(dictionary.count(STACK));
  return (stack) => {
    if (all[stack] < 0) {
      const locations = dictionary.stack(stack);
      all[stack] = locations.length;
      for (const location of locations) {
        if (isUnnamed[location] < 0) isUnnamed[location] = needsName(dictionary, location) ? 1 : 0;
        unnamed[stack] += isUnnamed[location];
      }
    }
    return { all: all[stack], unnamed: unnamed[stack] };
  };
}
