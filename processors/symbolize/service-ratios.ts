import type { Clock } from "../../src/delivery/clock.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { Metrics } from "../../src/telemetry/metrics.js";
import type { StackFrames } from "./location-scan.js";

const maxServices = 100;
const otherServices = "other services";
const maxNameLength = 128;
const periodMs = 60_000;

interface Counts {
  frames: number;
  unnamed: number;
}

/** Frames of this minute and of the one before. */
interface Service {
  periodStartMs: number;
  lastSeenMs: number;
  now: Counts;
  before: Counts;
  /** Takes its metric away. */
  readonly remove: () => void;
}

export interface ServiceRatios {
  /** Counts the frames of all samples, once per Sample message. */
  observe(profiles: Profiles, frames: StackFrames): void;
  close(): void;
}

/**
 * How much of each service's frames have no name, over the last one to two minutes. At most 100 services have a metric of
 * their own; one that has sent nothing for two minutes gives way to a new one.
 */
export function createServiceRatios(metrics: Metrics, component: string, clock: Clock): ServiceRatios {
  const services = new Map<string, Service>();

  function makeRoom(): boolean {
    if (services.size < maxServices) return true;
    const nowMs = clock.now();
    for (const [name, service] of services) {
      if (name === otherServices || nowMs - service.lastSeenMs < 2 * periodMs) continue;
      service.remove();
      services.delete(name);
      return true;
    }
    return false;
  }

  function create(name: string): Service {
    const help = "Part of the frames that left without a function's name, over the last one to two minutes.";
    const read = (): number => {
      turn(service, clock.now());
      const frames = service.now.frames + service.before.frames;
      return frames === 0 ? 0 : (service.now.unnamed + service.before.unnamed) / frames;
    };
    const labels = { component, service: name };
    const remove = metrics.observedGauge("flamepipe_unsymbolized_frames_ratio", help, labels, read);
    const nowMs = clock.now();
    const counts = { now: newCounts(), before: newCounts() };
    const service: Service = { periodStartMs: nowMs, lastSeenMs: nowMs, ...counts, remove };
    services.set(name, service);
    return service;
  }

  function serviceNamed(name: string): Service {
    const label = services.has(name) || makeRoom() ? name : otherServices;
    const service = services.get(label) ?? create(label);
    service.lastSeenMs = clock.now();
    turn(service, service.lastSeenMs);
    return service;
  }

  return {
    observe(profiles, { all, unnamed }) {
      for (const resource of profiles.resources) {
        const { now } = serviceNamed(serviceNameOf(resource.attributes));
        for (const scope of resource.scopes) {
          for (const profile of scope.profiles) {
            for (const stack of profile.stacks()) {
              now.frames += all[stack];
              now.unnamed += unnamed[stack];
            }
          }
        }
      }
    },
    close() {
      for (const { remove } of services.values()) remove();
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
    if (key === "service.name" && value.value !== "") return value.value.slice(0, maxNameLength);
    if (key === "process.executable.name") program = value.value.slice(0, maxNameLength);
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
