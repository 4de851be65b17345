export { send } from './circle';
