export { type GatewayConfig, gatewayVariables } from './config.ts';
export { declareMetrics } from './metrics.ts';
export { type RealtimeGateway, startRealtimeGateway } from './realtime-gateway.ts';
