import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** Burns CPU, allocates and contends under Pyroscope's agent for RUN_SECONDS, then prints what it took of the CPU. */
public class Client {
  static final Object lock = new Object();
  static final List<byte[]> kept = new ArrayList<>();
  static volatile boolean done;
  static long total;

  static void spin(long ms) {
    for (long end = System.nanoTime() + ms * 1_000_000; System.nanoTime() < end; ) {
      for (int i = 0; i < 20_000; i++) total = total * 31 + i;
    }
  }

  static void hashOrders() {
    spin(30);
  }

  static void parseOrders() {
    spin(10);
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

  public static void main(String[] args) throws InterruptedException {
    long begun = cpuMs();
    List<Thread> threads = new ArrayList<>();
    threads.add(new Thread(Client::work));
    for (int i = 0; i < 3; i++) threads.add(new Thread(Client::contend));
    for (Thread thread : threads) thread.start();
    Thread.sleep(1000 * Long.parseLong(System.getenv("RUN_SECONDS")));
    done = true;
    for (Thread thread : threads) thread.join();
    System.out.println("{\"cpuMs\": " + (cpuMs() - begun) + ", \"kept\": " + kept.size() + "}");
  }
}
