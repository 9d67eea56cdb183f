// Send tasks and read results with kafkajs. Usage:
//   node client.mjs send SERVERS < tasks.jsonl
//   node client.mjs results SERVERS [COUNT]
import { createInterface } from "node:readline";
import { Kafka, Partitioners, logLevel } from "kafkajs";

const [command, servers, count = Infinity] = process.argv.slice(2);
const kafka = new Kafka({ brokers: servers.split(","), logLevel: logLevel.ERROR });

// The key is the task's id. DefaultPartitioner puts it where the orchestrator expects it; LegacyPartitioner does not.
async function send() {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  for await (const line of createInterface({ input: process.stdin })) {
    await producer.send({ topic: "tasks", acks: -1, messages: [{ key: JSON.parse(line).id, value: line }] });
  }
  await producer.disconnect();
}

// Print each task's result once. kafkajs commits a message after eachMessage has ended, so none is lost.
async function results() {
  const seen = new Set(); // in a real system: a table with task_id as its primary key
  const consumer = kafka.consumer({ groupId: "example-kafkajs" });
  await consumer.connect();
  await consumer.subscribe({ topic: "results", fromBeginning: true });
  await new Promise((done) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        const result = JSON.parse(message.value.toString());
        if (seen.has(result.task_id) || seen.size >= count) return;
        seen.add(result.task_id);
        handle(result);
        if (seen.size >= count) done();
      },
    });
  });
  await consumer.disconnect();
}

// Do what your system does with a result.
function handle({ task_id, status, degraded, answer, error }) {
  if (status === "succeeded") console.log(`${task_id} succeeded${degraded ? " (degraded)" : ""}: ${answer}`);
  else console.log(`${task_id} ${status}: ${error.code}: ${error.message}`);
}

await { send, results }[command]();
