// Send tasks and read results with Apache Kafka's own client. Usage, where JARS has kafka-clients and jackson-databind:
//   java -cp 'JARS/*' Client.java send SERVERS < tasks.jsonl
//   java -cp 'JARS/*' Client.java results SERVERS [COUNT]

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Client {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
        if (arguments[0].equals("send")) {
            send(arguments[1]);
        } else {
            results(arguments[1], arguments.length > 2 ? Integer.parseInt(arguments[2]) : Integer.MAX_VALUE);
        }
    }

    /** Sends each line of standard input. The key is the task's id; the default partitioner does the rest. */
    static void send(String servers) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", servers, "acks", "all");
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (String line; (line = lines.readLine()) != null; ) {
                String id = JSON.readTree(line).get("id").asText();
                producer.send(new ProducerRecord<>("tasks", id, line)).get();
            }
        }
    }

    /** Prints each task's result once; results are committed after they were handled, so none is lost. */
    static void results(String servers, int count) throws Exception {
        Set<String> seen = new HashSet<>(); // in a real system: a table with task_id as its primary key
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", servers,
            "group.id", "example-java",
            "auto.offset.reset", "earliest",
            "enable.auto.commit", "false");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("results"));
            while (seen.size() < count) {
                for (ConsumerRecord<String, String> message : consumer.poll(Duration.ofSeconds(1))) {
                    JsonNode result = JSON.readTree(message.value());
                    if (seen.add(result.get("task_id").asText())) {
                        handle(result);
                    }
                }
                consumer.commitSync();
            }
        }
    }

    /** Does what your system does with a result. */
    static void handle(JsonNode result) {
        String id = result.get("task_id").asText();
        String status = result.get("status").asText();
        if (status.equals("succeeded")) {
            String note = result.get("degraded").asBoolean() ? " (degraded)" : "";
            System.out.println(id + " succeeded" + note + ": " + result.get("answer").asText());
        } else {
            JsonNode error = result.get("error");
            System.out.println(id + " " + status + ": " + error.get("code").asText() + ": " + error.get("message").asText());
        }
    }
}
