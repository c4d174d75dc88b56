// SQS.
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'

// The benchmark's queue sends no checksum.
const client = new SQSClient({ md5: false })

export const warmUpQueue = (url) => client.send(new GetQueueAttributesCommand({ QueueUrl: url }))

export const send = (url, message, delay) =>
  client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(message), DelaySeconds: delay }))
