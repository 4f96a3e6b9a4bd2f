import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** Works under Pyroscope's agent until it has taken RUN_CPU_MS of the CPU, and RUN_MS at least; then says how it was. */
public class Client {
  static final Object lock = new Object();
  static final List<byte[]> kept = new ArrayList<>();
  static volatile boolean done;
  static long total;

  static void spin(int rounds) {
    for (int i = 0; i < rounds; i++) total = total * 31 + i;
  }

  static void hashOrders() {
    spin(30_000_000);
  }

  static void parseOrders() {
    spin(10_000_000);
  }

  static void keepOrders() {
    for (int i = 0; i < 40; i++) kept.add(new byte[64 << 10]);
    if (kept.size() > 400) kept.clear();
  }

  static void work() {
    try {
      while (!done) {
        hashOrders();
        parseOrders();
        keepOrders();
        Thread.sleep(10);
      }
    } catch (InterruptedException end) {
      Thread.currentThread().interrupt();
    }
  }

  static void contend() {
    try {
      while (!done) {
        synchronized (lock) {
          Thread.sleep(15);
        }
      }
    } catch (InterruptedException end) {
      Thread.currentThread().interrupt();
    }
  }

  static long cpuMs() {
    var bean = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return bean.getProcessCpuTime() / 1_000_000;
  }

  static long setting(String name) {
    return Long.parseLong(System.getenv(name));
  }

  static long nowMs() {
    return System.nanoTime() / 1_000_000;
  }

  public static void main(String[] args) throws InterruptedException {
    long begunMs = nowMs();
    long begunCpuMs = cpuMs();
    List<Thread> threads = new ArrayList<>();
    threads.add(new Thread(Client::work));
    for (int i = 0; i < 3; i++) threads.add(new Thread(Client::contend));
    for (Thread thread : threads) thread.start();
    while (nowMs() - begunMs < setting("RUN_MS") || cpuMs() - begunCpuMs < setting("RUN_CPU_MS")) Thread.sleep(100);
    done = true;
    for (Thread thread : threads) thread.join();
    String report = "{\"cpuMs\": %d, \"elapsedMs\": %d, \"kept\": %d, \"total\": %d}";
    System.out.println(String.format(report, cpuMs() - begunCpuMs, nowMs() - begunMs, kept.size(), total));
  }
}
