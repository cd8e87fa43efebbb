/**
 * npm:ws, loaded once and in one place.
 *
 * @module
 */

import { withdraw } from "./node_masking.ts"; // Before ws.
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";

withdraw();

export { WebSocket, WebSocketServer };
